<?php

declare(strict_types=1);

namespace HearthEnv;

/** `$context['logger']`: PSR-3, to the function's log. */
final class FunctionLogger extends \Psr\Log\AbstractLogger
{
    public function log($level, $message, array $context = []): void
    {
        $values = [];
        foreach ($context as $name => $value) {
            $values['{' . $name . '}'] = is_scalar($value) || $value instanceof \Stringable ? (string) $value : json_encode($value);
        }
        $failure = ($context['exception'] ?? null) instanceof \Throwable ? "\n{$context['exception']}" : '';
        error_log(strtoupper((string) $level) . ' ' . strtr((string) $message, $values) . $failure);
    }
}
