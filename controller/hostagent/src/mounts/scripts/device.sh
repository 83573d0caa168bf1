# Run as root. Arguments: the tag of the device, the mount point, the type of file system, options.
tag=$1 point=$2 type=$3 options=$4
[ -d "$point" ] || mkdir -p "$point" || exit
exec mount -t "$type" -o "$options" "$tag" "$point"
