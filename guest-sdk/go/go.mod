module saggar.local/guest

go 1.24
