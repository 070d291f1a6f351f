<?php

declare(strict_types=1);

namespace Pieces;

/** Bodies that are made while they are sent. */
function chunks(int $count, int $pause): \Generator
{
    for ($i = 0; $i < $count; $i++) {
        if ($i > 0) {
            usleep($pause * 1000);
        }
        yield "chunk $i\n";
    }
}

function digits(int $bytes): \Generator
{
    $block = str_repeat('0123456789', 6400);
    for ($left = $bytes; $left > 0; $left -= strlen($block)) {
        yield $left >= strlen($block) ? $block : substr($block, 0, $left);
    }
}
