<?php

// Entry point hello.php::handler. What a function returns is the answer; an array is answered as JSON.
function handler(array $context): string
{
    return "Hello, " . ($context['request']->getQueryParams()['name'] ?? 'world') . "!\n";
}
