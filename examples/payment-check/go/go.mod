module payment-check

go 1.24

require github.com/sandbus/sandbus/guest-sdk/go v0.0.0

replace github.com/sandbus/sandbus/guest-sdk/go => ../../../guest-sdk/go
