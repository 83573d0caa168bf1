#!/bin/sh
# The instance's own steps that install what others need.
code=0
for file in "$LIMA_CIDATA_MNT"/provision.dependency/*; do
    [ -f "$file" ] || continue
    "$file" </dev/null || { echo "provision.dependency/${file##*/} ended with $?"; code=1; }
done
exit $code
