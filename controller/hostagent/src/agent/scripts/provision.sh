# Runs steps that changed, as at boot. Before it stand the steps' own variables, and the functions
# `files`, which writes the steps below $steps, and `run`, which is the provisioning itself.
LIMA_CIDATA_MNT=/mnt/lima-cidata
load() {
    while IFS= read -r line; do
        case $line in [A-Za-z_]*=*) export "${line?}" ;; esac
    done <"$1"
}
main() {
    # A guest that an older host agent started has none.
    [ ! -f "$LIMA_CIDATA_MNT/environment.sh" ] || . "$LIMA_CIDATA_MNT/environment.sh"
    load "$LIMA_CIDATA_MNT/lima.env" && load "$LIMA_CIDATA_MNT/param.env" || return
    umask 022
    only_new=1
    # Not below /run, from where some guests run no programs.
    steps=/var/lib/limekiln/steps
    failed=/var/lib/limekiln/failed
    rm -rf "$steps" "$failed"
    mkdir -p -m 0700 "$steps" && variables && files && run >>/var/log/limekiln-provision.log 2>&1
    rm -rf "$steps"
    [ -s "$failed" ] || return 0
    cat "$failed" >&2
    return 1
}
# All has been read by now: a step may read what is left.
main </dev/null
