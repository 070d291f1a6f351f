<?php

// PHP's own two look for files that PHP's own reader of forms has stored, so `start` switches them off and these take their place.

declare(strict_types=1);

use HearthEnv\Multipart;

function is_uploaded_file(string $filename): bool
{
    return Multipart::isUploaded($filename);
}

function move_uploaded_file(string $from, string $to): bool
{
    if (!Multipart::isUploaded($from) || !rename($from, $to)) {
        return false;
    }
    Multipart::forget($from);
    chmod($to, 0666 & ~umask());
    return true;
}
