<?php

// Entry point stream.php::handler. A generator is sent piece by piece.
function handler(array $context): Generator
{
    header('Content-Type: text/event-stream');
    for ($i = 0; $i < 5; $i++) {
        yield "data: $i\n\n";
        usleep(200_000);
    }
}
