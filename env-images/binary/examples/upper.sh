#!/bin/sh
# The body comes on standard input and leaves as it comes.
printf 'Status: 200 OK\nContent-Type: text/plain\nCache-Control: no-store\n\n'
exec tr '[:lower:]' '[:upper:]'
