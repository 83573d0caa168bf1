#!/bin/sh
command -v git
