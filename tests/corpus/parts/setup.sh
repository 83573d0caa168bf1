#!/bin/sh
# Beside the part that names it.
hostnamectl set-chassis vm
