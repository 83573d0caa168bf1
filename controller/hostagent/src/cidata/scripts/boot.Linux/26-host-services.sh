#!/bin/sh
# Where the host links what it brings along, such as its SSH agent: for the user alone.
dir=/run/host-services
mkdir -p "$dir" && chmod 0700 "$dir" && chown "$LIMA_CIDATA_USER" "$dir"
