;; world: handler
;; Uses each import once for each event, and ends as the first letter of its type says: Ack, Skip, Retry, DeadLetter, Error,
;; Trap. The words of the contract are spelled out: no toolchain and no SDK stands between them and the host.
(module
  (import "sandbus:handler/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
  (import "sandbus:handler/config@0.1.0" "get" (func $get (param i32 i32 i32)))
  (import "sandbus:handler/publish@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "sandbus:handler/metrics@0.1.0" "counter-add" (func $count (param i32 i32 i64 i32 i32 i32)))

  (memory (export "memory") 64)
  (global $next (mut i32) (i32.const 1048576))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get 2))))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32) (i32.const 32))

  (func (export "sandbus:handler/typed@0.1.0#handle") (param $event i32) (result i32)
    (local $letter i32)
    (local.set $letter (i32.load8_u (i32.load offset=80 (local.get $event))))
    ;; The type, at level info.
    (call $log (i32.const 2) (i32.load offset=80 (local.get $event)) (i32.load offset=84 (local.get $event)))
    (call $count (i32.const 256) (i32.const 4) (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 192))
    ;; Sent on to the topic that is configured.
    (call $get (i32.const 260) (i32.const 5) (i32.const 160))
    (call $send
      (i32.load (i32.const 164)) (i32.load (i32.const 168))
      (i32.load8_u offset=40 (local.get $event)) (i32.load offset=44 (local.get $event)) (i32.load offset=48 (local.get $event))
      (i32.load8_u offset=52 (local.get $event)) (i32.load offset=56 (local.get $event)) (i32.load offset=60 (local.get $event))
      (i32.load offset=64 (local.get $event)) (i32.load offset=68 (local.get $event))
      (i32.const 192))
    (if (i32.eq (local.get $letter) (i32.const 0x53)) (then (return (i32.const 320))))
    (if (i32.eq (local.get $letter) (i32.const 0x52)) (then (return (i32.const 352))))
    (if (i32.eq (local.get $letter) (i32.const 0x44)) (then (return (i32.const 384))))
    (if (i32.eq (local.get $letter) (i32.const 0x45)) (then (return (i32.const 416))))
    (if (i32.eq (local.get $letter) (i32.const 0x54)) (then unreachable))
    (i32.const 288))

  (func (export "cabi_post_sandbus:handler/typed@0.1.0#handle") (param i32)
    (global.set $next (i32.const 1048576)))

  ;; The description: the one pattern *, and the attribute kept = 0.1.0.
  (data (i32.const 32) "\40\00\00\00\01\00\00\00\48\00\00\00\01\00\00\00")
  (data (i32.const 64) "\60\00\00\00\01\00\00\00")
  (data (i32.const 72) "\61\00\00\00\04\00\00\00\65\00\00\00\05\00\00\00")
  (data (i32.const 96) "*kept0.1.0")
  (data (i32.const 256) "kepttopic")
  ;; ok(ack), ok(skip), ok(retry(250)), ok(dead-letter("no use")), err(Broken, "it broke").
  (data (i32.const 288) "\00\00\00\00\00\00\00\00\00")
  (data (i32.const 320) "\00\00\00\00\00\00\00\00\01")
  (data (i32.const 352) "\00\00\00\00\00\00\00\00\02\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\fa\00\00\00\00\00\00\00")
  (data (i32.const 384) "\00\00\00\00\00\00\00\00\03\00\00\00\00\00\00\00\c0\01\00\00\06\00\00\00")
  (data (i32.const 416) "\01\00\00\00\00\00\00\00\c6\01\00\00\06\00\00\00\cc\01\00\00\08\00\00\00")
  (data (i32.const 448) "no useBrokenit broke"))
