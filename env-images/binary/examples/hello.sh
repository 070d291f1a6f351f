#!/bin/sh
# Deploy with: hearth deploy hello.sh
echo "Hello from $REQUEST_METHOD $PATH_INFO"
