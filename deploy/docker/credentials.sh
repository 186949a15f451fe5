#!/bin/sh
# Makes what the processes of compose.yaml prove themselves with, once, and gives each no more than it needs.
# Runs as root without a network, so that the authority's key is nobody else's.
set -eu

SERVICE_USER=10001

give() { # give DIRECTORY FILE...
    directory=$1
    shift
    for file; do
        install -o "$SERVICE_USER" -g "$SERVICE_USER" -m 0400 "/authority/$file" "$directory/$file"
    done
}

if [ ! -e /authority/tokens.yaml ]; then
    slimstream certs init /authority --host cloud
    slimstream certs token compose --dir /authority --cameras clip
    slimstream certs token viewer --dir /authority --cameras '*' --read-only
fi
give /gateway ca.pem server.pem server-key.pem tokens.yaml viewer.token
give /agent ca.pem compose.token
