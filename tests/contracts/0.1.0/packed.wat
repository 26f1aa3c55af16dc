;; world: packed-handler
;; The same as typed.wat, by frames of events: docs/packed-frame.md, version 1.
(module
  (import "sandbus:handler/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
  (import "sandbus:handler/config@0.1.0" "get" (func $get (param i32 i32 i32)))
  (import "sandbus:handler/publish@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "sandbus:handler/metrics@0.1.0" "counter-add" (func $count (param i32 i32 i64 i32 i32 i32)))
  (import "sandbus:handler/batch@0.1.0" "at" (func $at (param i32)))

  (memory (export "memory") 64)
  (global $next (mut i32) (i32.const 1048576))

  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get 2))))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32) (i32.const 32))

  ;; Logs, counts and sends on the event of this record. The event's headers are an array of entries in the frame, and one
  ;; of name and option in memory.
  (func $use (param $frame i32) (param $record i32)
    (local $entries i32) (local $entry i32) (local $header i32) (local $n i32)
    (call $log (i32.const 2)
      (i32.add (local.get $frame) (i32.load offset=40 (local.get $record))) (i32.load offset=44 (local.get $record)))
    (call $count (i32.const 256) (i32.const 4) (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 192))
    (call $get (i32.const 260) (i32.const 5) (i32.const 160))
    (local.set $n (i32.load offset=12 (local.get $record)))
    (local.set $entries
      (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.mul (local.get $n) (i32.const 20))))
    (local.set $header (local.get $entries))
    (local.set $entry (i32.add (local.get $frame) (i32.load offset=72 (local.get $record))))
    (block $done
      (loop $more
        (br_if $done (i32.eqz (local.get $n)))
        (i32.store (local.get $header) (i32.add (local.get $frame) (i32.load (local.get $entry))))
        (i32.store offset=4 (local.get $header) (i32.load offset=4 (local.get $entry)))
        (i32.store offset=8 (local.get $header) (i32.ne (i32.load offset=12 (local.get $entry)) (i32.const -1)))
        (i32.store offset=12 (local.get $header) (i32.add (local.get $frame) (i32.load offset=8 (local.get $entry))))
        (i32.store offset=16 (local.get $header) (i32.load offset=12 (local.get $entry)))
        (local.set $header (i32.add (local.get $header) (i32.const 20)))
        (local.set $entry (i32.add (local.get $entry) (i32.load16_u offset=10 (local.get $frame))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $more)))
    (call $send
      (i32.load (i32.const 164)) (i32.load (i32.const 168))
      (i32.ne (i32.load offset=60 (local.get $record)) (i32.const -1))
      (i32.add (local.get $frame) (i32.load offset=56 (local.get $record))) (i32.load offset=60 (local.get $record))
      (i32.ne (i32.load offset=68 (local.get $record)) (i32.const -1))
      (i32.add (local.get $frame) (i32.load offset=64 (local.get $record))) (i32.load offset=68 (local.get $record))
      (local.get $entries) (i32.load offset=12 (local.get $record))
      (i32.const 192)))

  ;; The code of an event with a type of this first letter.
  (func $code (param $letter i32) (result i32)
    (if (i32.eq (local.get $letter) (i32.const 0x53)) (then (return (i32.const 2))))
    (if (i32.eq (local.get $letter) (i32.const 0x52)) (then (return (i32.const 3))))
    (if (i32.eq (local.get $letter) (i32.const 0x44)) (then (return (i32.const 4))))
    (if (i32.eq (local.get $letter) (i32.const 0x45)) (then (return (i32.const 5))))
    (if (i32.eq (local.get $letter) (i32.const 0x54)) (then unreachable))
    (i32.const 1))

  (func (export "sandbus:handler/packed@0.1.0#handle") (param $frame i32) (param $length i32) (result i32)
    (local $count i32) (local $answer i32) (local $texts i32) (local $lanes i32) (local $lane i32)
    (local $i i32) (local $record i32) (local $verdict i32) (local $code i32)
    (local.set $count (i32.load offset=12 (local.get $frame)))
    (local.set $texts (i32.add (i32.const 24) (i32.mul (local.get $count) (i32.const 32))))
    (local.set $answer
      (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.add (local.get $texts) (i32.const 20))))
    (local.set $lanes
      (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.load offset=20 (local.get $frame))))
    ;; Pieces are given again, and not empty.
    (memory.fill (local.get $answer) (i32.const 0) (i32.add (local.get $texts) (i32.const 20)))
    (memory.fill (local.get $lanes) (i32.const 0) (i32.load offset=20 (local.get $frame)))
    (memory.copy (local.get $answer) (i32.const 288) (i32.const 12))
    (i32.store offset=12 (local.get $answer) (local.get $count))
    (i32.store offset=16 (local.get $answer) (i32.add (local.get $texts) (i32.const 20)))
    (memory.copy (i32.add (local.get $answer) (local.get $texts)) (i32.const 448) (i32.const 20))
    (local.set $verdict (i32.add (local.get $answer) (i32.const 24)))
    (local.set $record (i32.add (local.get $frame) (i32.load16_u offset=6 (local.get $frame))))
    (loop $more
      (local.set $lane (i32.add (local.get $lanes) (i32.load (local.get $record))))
      (i32.store offset=20 (local.get $verdict) (i32.const -1))
      (i32.store offset=28 (local.get $verdict) (i32.const -1))
      (if (i32.load8_u (local.get $lane))
        (then (i32.store8 (local.get $verdict) (i32.const 6)))
        (else
          (call $at (local.get $i))
          (call $use (local.get $frame) (local.get $record))
          (local.set $code
            (call $code (i32.load8_u (i32.add (local.get $frame) (i32.load offset=40 (local.get $record))))))
          (i32.store8 (local.get $verdict) (local.get $code))
          ;; What is neither ack nor skip stops its lane.
          (i32.store8 (local.get $lane) (i32.gt_u (local.get $code) (i32.const 2)))
          (if (i32.eq (local.get $code) (i32.const 3))
            (then
              (i32.store8 offset=1 (local.get $verdict) (i32.const 1))
              (i64.store offset=8 (local.get $verdict) (i64.const 250))))
          (if (i32.eq (local.get $code) (i32.const 4))
            (then
              (i32.store offset=24 (local.get $verdict) (local.get $texts))
              (i32.store offset=28 (local.get $verdict) (i32.const 6))))
          (if (i32.eq (local.get $code) (i32.const 5))
            (then
              (i32.store offset=16 (local.get $verdict) (i32.add (local.get $texts) (i32.const 6)))
              (i32.store offset=20 (local.get $verdict) (i32.const 6))
              (i32.store offset=24 (local.get $verdict) (i32.add (local.get $texts) (i32.const 12)))
              (i32.store offset=28 (local.get $verdict) (i32.const 8))))))
      (local.set $verdict (i32.add (local.get $verdict) (i32.const 32)))
      (local.set $record (i32.add (local.get $record) (i32.load16_u offset=8 (local.get $frame))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (local.get $count))))
    (i32.store (i32.const 128) (local.get $answer))
    (i32.store (i32.const 132) (i32.add (local.get $texts) (i32.const 20)))
    (i32.const 128))

  (func (export "cabi_post_sandbus:handler/packed@0.1.0#handle") (param i32)
    (global.set $next (i32.const 1048576)))

  (data (i32.const 32) "\40\00\00\00\01\00\00\00\48\00\00\00\01\00\00\00")
  (data (i32.const 64) "\60\00\00\00\01\00\00\00")
  (data (i32.const 72) "\61\00\00\00\04\00\00\00\65\00\00\00\05\00\00\00")
  (data (i32.const 96) "*kept0.1.0")
  (data (i32.const 256) "kepttopic")
  ;; Magic, version 1, header_len 24, record_len 32.
  (data (i32.const 288) "SBVD\01\00\18\00\20\00\00\00")
  (data (i32.const 448) "no useBrokenit broke"))
