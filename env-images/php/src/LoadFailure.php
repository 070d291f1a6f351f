<?php

declare(strict_types=1);

namespace HearthEnv;

/** The code cannot be used; the text is for whoever deployed it. */
final class LoadFailure extends \RuntimeException
{
}
