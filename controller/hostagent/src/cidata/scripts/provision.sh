# Read by boot.sh, and sent by the host for steps that changed while the guest runs: the instance's
# own provisioning, by mode and then in order. `steps` is where the steps are; `only_new` is set where
# those that succeeded since the boot are left out.
: "${steps:=$LIMA_CIDATA_MNT}"

# What came of each step since the boot, by its digest: `DIGEST CODE NAME SECONDS`. Root's alone.
ledger=/var/lib/limekiln/provision
mkdir -p "${ledger%/*}" && chmod 0700 "${ledger%/*}"
[ -n "${only_new-}" ] || cat /run/limekiln-dependencies >"$ledger" 2>/dev/null || : >"$ledger"

# By what it is seen that somebody changed a file that a step wrote or edited: `DIGEST SUM PATH`, with
# the file as it is when all steps have run, since others may edit it; and of each edit, by its digest,
# the format and then the expression.
sums=/var/lib/limekiln/files edits=/var/lib/limekiln/edits
[ -n "${only_new-}" ] || { : >"$sums"; rm -rf "$edits" "$edits".*; }
mkdir -p -m 0700 "$edits"
drifted=$(sh "$LIMA_CIDATA_MNT/drift.sh")

# The step's own variables end in its index.
of_step() { eval "printf %s \"\${LIMA_CIDATA_DATAFILE_${1}_${2}-}\""; }
of_yq() { eval "printf %s \"\${LIMA_CIDATA_YQ_PROVISION_${1}_${2}-}\""; }
digest_of() { eval "printf %s \"\${LIMA_CIDATA_STEP_${1}_DIGEST-}\""; }

# The steps that are not left out, and those of them that succeeded.
ran= succeeded=

# Runs a step unless it is to be left out, and writes down what came of it.
provision() {
    mode=$1 number=$2
    shift 2
    digest=$(digest_of "$number")
    if [ -n "${only_new-}" ] && grep -q "^$digest 0 " "$ledger" 2>/dev/null; then
        return 0
    fi
    "$@" </dev/null
    code=$?
    ran="$ran $digest"
    if [ $code -eq 0 ]; then
        succeeded="$succeeded $digest"
    else
        echo "provision.$mode/$number ended with $code" >>"$failed"
    fi
    # Renamed into place: a guest that loses its power keeps the old one, or has the new one. So does
    # one whose disk is full.
    { grep -v "^$digest " "$ledger"; echo "$digest $code provision.$mode/$number $(date +%s)"; } >"$ledger.new" &&
        mv "$ledger.new" "$ledger"
}

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
    cp "$steps/provision.data/$index" "$path" &&
        chown "$owner" "$path" &&
        chmod "$(of_step "$index" PERMISSIONS)" "$path"
}

# Edits a file, or makes it. The guest agent has the language of the expressions in it, ours and
# Lima's. What the file's owner may not write is left alone: it would be a way around permissions.
yq_file() {
    index=$1
    path=$(of_yq "$index" PATH)
    owner=$(of_yq "$index" OWNER)
    user=${owner%%:*}
    format=$(of_yq "$index" FORMAT)
    agent=$LIMA_CIDATA_MNT/lima-guestagent
    if [ ! -f "$agent" ]; then
        echo "there is no guest agent here, which has yq in it" >&2
        return 1
    fi
    if [ -f "$path" ]; then
        if ! sudo -n -u "$user" test -w "$path"; then
            echo "$user may not write $path" >&2
            return 1
        fi
        "$agent" yq --inplace --from-file "$steps/provision.yq/$index" \
            --input-format "$format" --output-format "$format" "$path" || return
    else
        if [ "$format" = auto ]; then
            case $path in
            *.json | *.toml | *.ini) format=${path##*.} ;;
            *) format=yaml ;;
            esac
        fi
        made=$("$agent" yq --null-input --from-file "$steps/provision.yq/$index" \
            --output-format "$format") || return
        sudo -n -u "$user" mkdir -p "${path%/*}" 2>/dev/null || mkdir -p "${path%/*}" || return
        printf '%s\n' "$made" >"$path" || return
    fi
    chown "$owner" "$path" && chmod "$(of_yq "$index" PERMISSIONS)" "$path" || return
    if command -v restorecon >/dev/null; then restorecon "$path"; fi
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

for file in "$steps"/provision.data/*; do
    [ -f "$file" ] && provision data "${file##*/}" data_file "${file##*/}"
done
for file in "$steps"/provision.yq/*; do
    [ -f "$file" ] && provision yq "${file##*/}" yq_file "${file##*/}"
done
for file in "$steps"/provision.system/*; do
    [ -f "$file" ] && provision system "${file##*/}" "$file"
done
for file in "$steps"/provision.user/*; do
    [ -f "$file" ] || continue
    [ -n "${waited-}" ] || { wait_for_user; waited=1; }
    provision user "${file##*/}" as_user "$file"
done

sum_up() {
    set -- "$1" "$2" $(sha256sum <"$2" 2>/dev/null)
    [ $# -lt 3 ] || echo "$1 $3 $2"
}

# The same for a step that was sent: it just ran, unless it failed, or was left out. Then what
# somebody changed since it ran stays changed.
sum_up_sent() {
    case "$succeeded " in
    *" $1 "*) sum_up "$1" "$2" ;;
    *) case "$ran " in *" $1 "*) ;; *) grep -q "^$1 " "$sums" || sum_up "$1" "$2" ;; esac ;;
    esac
}

# What somebody changed before these steps ran stays changed. A file that is the guest's own where it
# is there is nobody's to watch.
sum_up_files() {
    for file in "$steps"/provision.data/*; do
        [ -f "$file" ] && [ "$(of_step "${file##*/}" OVERWRITE)" = true ] || continue
        sum_up_sent "$(digest_of "${file##*/}")" "$(of_step "${file##*/}" PATH)"
    done
    for file in "$steps"/provision.yq/*; do
        [ -f "$file" ] || continue
        index=${file##*/}
        digest=$(digest_of "$index")
        { of_yq "$index" FORMAT; echo; cat "$file"; } >"$edits/$digest"
        sum_up_sent "$digest" "$(of_yq "$index" PATH)"
    done
    while read -r digest sum path; do
        case "$ran " in *" $digest "*) continue ;; esac
        case $drifted in
        *"$digest"*) echo "$digest $sum $path" ;;
        *) sum_up "$digest" "$path" ;;
        esac
    done <"$sums"
}
sum_up_files >"$sums.new" && mv "$sums.new" "$sums"

# For the host, which comes as the user; it tells no more than which steps there are.
cp "$ledger" /run/limekiln-provision.new && chmod 0644 /run/limekiln-provision.new &&
    mv /run/limekiln-provision.new /run/limekiln-provision
