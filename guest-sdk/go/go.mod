module github.com/sandbus/sandbus/guest-sdk/go

go 1.24
