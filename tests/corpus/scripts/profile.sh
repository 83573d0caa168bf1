export TEAM=shop
