module saggar.local/plugins/{{name}}

go 1.24

require saggar.local/guest v0.0.0

replace saggar.local/guest => ./saggar
