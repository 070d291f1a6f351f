<?php

declare(strict_types=1);

namespace App;

final class Greeting
{
    public function __construct(private string $name)
    {
    }

    public function text(): string
    {
        return "Hello, {$this->name}!";
    }
}
