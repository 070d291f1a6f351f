<?php

declare(strict_types=1);

function handler(array $context): array
{
    $name = $context['request']->getQueryParams()['name'] ?? 'world';
    $context['logger']->info('greeting {name}', ['name' => $name]);
    return ['greeting' => (new App\Greeting($name))->text()];
}
