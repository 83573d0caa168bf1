# Read by boot.sh, and where steps run once more: what sessions get from /etc/environment, proxies
# among it, as pam_env(8) reads it. What the scripts themselves go by stays theirs.
while IFS= read -r line; do
    name=${line%%=*} value=${line#*=}
    case $name in "$line" | '' | [0-9]* | *[!A-Za-z0-9_]* | LIMA_CIDATA_*) continue ;; esac
    value=${value%%#*}
    case $value in
    [\"\']*)
        value=${value#?}
        value=${value%[\"\']}
        ;;
    esac
    export "$name=$value"
done <"$LIMA_CIDATA_MNT/etc_environment"
