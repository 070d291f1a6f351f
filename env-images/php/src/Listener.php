<?php

declare(strict_types=1);

namespace HearthEnv;

/** The listening socket named by HEARTH_LISTEN. */
final class Listener
{
    private const DEFAULT = 'tcp:0.0.0.0:8888';
    private const BACKLOG = 1024;

    /** Opens `unix:/path` or `tcp:host:port`; RuntimeException for another form or an address that cannot be had. */
    public static function open(string $where)
    {
        $where = $where === '' ? self::DEFAULT : $where;
        if (preg_match('#^unix:(.+)$#', $where, $found)) {
            if (@filetype($found[1]) === 'socket') {
                unlink($found[1]);
            }
            $address = "unix://$found[1]";
        } elseif (preg_match('#^tcp:(.+:\d+)$#', $where, $found)) {
            $address = "tcp://$found[1]";
        } else {
            throw new \RuntimeException("HEARTH_LISTEN is '$where'; it must be unix:/path or tcp:host:port");
        }
        $context = stream_context_create(['socket' => ['backlog' => self::BACKLOG, 'so_reuseport' => false, 'tcp_nodelay' => true]]);
        $socket = @stream_socket_server($address, $number, $text, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
        if ($socket === false) {
            throw new \RuntimeException("cannot listen on $where: $text");
        }
        return $socket;
    }
}
