<?php

// One instance of the PHP environment: serves on HEARTH_LISTEN, else on 0.0.0.0:8888. The contract is in ../README.md.

declare(strict_types=1);

namespace HearthEnv;

ini_set('display_errors', '0');
set_time_limit(0);
ignore_user_abort(true);

require is_file(__DIR__ . '/vendor/autoload.php') ? __DIR__ . '/vendor/autoload.php' : 'GuzzleHttp/Psr7/autoload.php';
class_exists(\Psr\Log\AbstractLogger::class) || require 'Psr/Log/autoload.php';
foreach (['Kernel', 'Listener', 'LogPipes', 'FunctionLogger', 'Connection', 'RequestBody', 'FormRefused', 'Multipart', 'Requests', 'InputWrapper', 'LoadFailure', 'Loader',
          'Reply', 'Answers', 'Call', 'Worker', 'WorkerHandle', 'Generic', 'Server'] as $class) {
    require __DIR__ . "/src/$class.php";
}
require __DIR__ . '/src/uploads.php';

// The command line's constants; the server API that knows header() does not define them.
define('STDIN', fopen('php://stdin', 'r'));

try {
    $listener = Listener::open((string) getenv('HEARTH_LISTEN'));
} catch (\RuntimeException $error) {
    fwrite(fopen('php://stderr', 'w'), "php environment: {$error->getMessage()}\n");
    Kernel::leave(1);
}
Kernel::leave((new Server($listener))->run());
