#!/bin/sh
set -eu
command -v make >/dev/null || apt-get install -y make gcc
