#!/bin/sh
# The instance's own steps that install what others need. What came of them is written down as it is
# of other steps: what failed for the boot, and all of it for the ledger.
: >/run/limekiln-dependencies
for file in "$LIMA_CIDATA_MNT"/provision.dependency/*; do
    [ -f "$file" ] || continue
    number=${file##*/}
    "$file" </dev/null
    code=$?
    [ $code -eq 0 ] ||
        echo "provision.dependency/$number ended with $code" >>/run/limekiln-boot-failed
    digest=$(eval "printf %s \"\${LIMA_CIDATA_STEP_${number}_DIGEST-}\"")
    echo "$digest $code provision.dependency/$number $(date +%s)" >>/run/limekiln-dependencies
done
