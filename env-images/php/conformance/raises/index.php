<?php

throw new RuntimeException('conformance-load');

function handler(): string
{
    return '';
}
