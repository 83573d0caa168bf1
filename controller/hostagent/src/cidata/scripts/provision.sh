# Read by boot.sh: the instance's own provisioning, by mode and then in order.

# The step's own variables end in its index.
of_step() { eval "printf %s \"\${LIMA_CIDATA_DATAFILE_${1}_${2}-}\""; }

data_file() {
    index=$1
    path=$(of_step "$index" PATH)
    owner=$(of_step "$index" OWNER)
    if [ -e "$path" ] && [ "$(of_step "$index" OVERWRITE)" = false ]; then
        return 0
    fi
    case $path in
    */*)
        dir=${path%/*}
        [ -z "$dir" ] || [ -d "$dir" ] ||
            sudo -n -u "${owner%%:*}" mkdir -p "$dir" 2>/dev/null || mkdir -p "$dir" || return
        ;;
    esac
    cp "$LIMA_CIDATA_MNT/provision.data/$index" "$path" &&
        chown "$owner" "$path" &&
        chmod "$(of_step "$index" PERMISSIONS)" "$path"
}

# The volume is root's, so the user gets a copy. Parameters stay in the environment: they are data,
# and never part of a command's text.
as_user() {
    copy=$LIMA_CIDATA_HOME/.lima-user-script
    cp "$1" "$copy" && chown "$LIMA_CIDATA_USER" "$copy" && chmod 0755 "$copy" || return
    keep=$(sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' "$LIMA_CIDATA_MNT/param.env" | tr '\n' ',')
    XDG_RUNTIME_DIR=/run/user/$LIMA_CIDATA_UID
    export XDG_RUNTIME_DIR
    sudo -n -iu "$LIMA_CIDATA_USER" "--preserve-env=${keep}XDG_RUNTIME_DIR" "$copy" </dev/null
    code=$?
    rm -f "$copy"
    return $code
}

# The user's own service manager, where there is one, is up a moment after the system.
wait_for_user() {
    [ -d /run/systemd/system ] || return 0
    loginctl enable-linger "$LIMA_CIDATA_USER" 2>/dev/null
    tries=0
    until [ -e "/run/user/$LIMA_CIDATA_UID/systemd/private" ] || [ "$tries" -ge 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
}

for file in "$LIMA_CIDATA_MNT"/provision.data/*; do
    [ -f "$file" ] && step "provision.data/${file##*/}" data_file "${file##*/}"
done
for file in "$LIMA_CIDATA_MNT"/provision.system/*; do
    [ -f "$file" ] && step "provision.system/${file##*/}" "$file" </dev/null
done
for file in "$LIMA_CIDATA_MNT"/provision.user/*; do
    [ -f "$file" ] || continue
    [ -n "${waited-}" ] || { wait_for_user; waited=1; }
    step "provision.user/${file##*/}" as_user "$file"
done
