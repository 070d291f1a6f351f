<?php

declare(strict_types=1);

namespace HearthEnv;

/** A request whose form cannot be taken; its code is the status of the answer. */
final class FormRefused extends \RuntimeException
{
    public function __construct(int $status, string $reason)
    {
        parent::__construct($reason, $status);
    }
}
