<?php

function handler(array $context): string
{
    return 'this line has no end'
}
