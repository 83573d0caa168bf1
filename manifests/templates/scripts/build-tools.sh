#!/bin/sh
# Installs a compiler once; runs at every boot.
set -eu
command -v cc >/dev/null || { apt-get update && apt-get install -y build-essential; }
