;; WASI preview 1 for handlers, in terms of what the sandbox offers. `preview1.rs` says what it gives.
;;
;; It has no memory of its own and takes none of the module's: a runtime such as Go's believes that it alone grows the
;; memory. Nor does it ever call into the module, whose runtime may not be up yet. Where an import answers through
;; memory, it writes to the place that the module gave for the result, or near it, and puts back what was there.
;;
;; errno: 0 success, 6 again, 8 badf, 28 inval, 52 nosys, 70 spipe.
(module
  (import "sandbus:handler/logging@0.1.0" "log" (func $log (param $level i32) (param $text i32) (param $length i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $monotonic_now (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
  (import "wasi:clocks/wall-clock@0.2.0" "now" (func $wall_now (param $datetime i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop (param i32)))
  (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
  (import "env" "memory" (memory 0))

  ;; === whether the host may be called ===

  ;; While the host lets the module allocate (`cabi_realloc`), no import may be called: that is a trap. A runtime whose
  ;; allocator collects garbage does not know, and reads clocks. It says by `sandbus_may_leave` when it may call.
  (global $may_leave (mut i32) (i32.const 1))

  ;; No function of WASI: until it is called again, clocks stand still and nothing waits or is logged if this is 0.
  (func (export "sandbus_may_leave") (param $may i32) (global.set $may_leave (local.get $may)))

  ;; === clocks ===

  ;; What they showed last: real time, and monotonic.
  (global $wall (mut i64) (i64.const 0))
  (global $monotonic (mut i64) (i64.const 0))

  ;; Nanoseconds of the clock 0 (real time) or 1 (monotonic). At $scratch 16 bytes are overwritten.
  (func $nanos (param $clock i32) (param $scratch i32) (result i64)
    (local $now i64)
    (if (local.get $clock)
      (then
        (if (global.get $may_leave)
          (then
            (local.set $now (call $monotonic_now))
            ;; Not before what it showed while it stood still.
            (if (i64.gt_u (local.get $now) (global.get $monotonic))
              (then (global.set $monotonic (local.get $now))))))
        (return (global.get $monotonic))))
    (if (global.get $may_leave)
      (then
        (call $wall_now (local.get $scratch))
        (global.set $wall
          (i64.add
            (i64.mul (i64.load (local.get $scratch)) (i64.const 1_000_000_000))
            (i64.load32_u offset=8 (local.get $scratch))))))
    (global.get $wall))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $time i32) (result i32)
    (local $before i64)
    (if (i32.gt_u (local.get $clock) (i32.const 1)) (then (return (i32.const 28))))
    ;; Room for 16 bytes: those of the result, and 8 before it that are put back.
    (local.set $before (i64.load (i32.sub (local.get $time) (i32.const 8))))
    (i64.store (local.get $time) (call $nanos (local.get $clock) (i32.sub (local.get $time) (i32.const 8))))
    (i64.store (i32.sub (local.get $time) (i32.const 8)) (local.get $before))
    (i32.const 0))

  (func (export "clock_res_get") (param $clock i32) (param $resolution i32) (result i32)
    (if (i32.gt_u (local.get $clock) (i32.const 1)) (then (return (i32.const 28))))
    (i64.store (local.get $resolution) (i64.const 1))
    (i32.const 0))

  ;; === waiting ===

  ;; How long to wait for a subscription, in nanoseconds: for a clock until it is due; anything else is a file, which
  ;; is answered at once. At $scratch 16 bytes are overwritten.
  (func $delay (param $subscription i32) (param $scratch i32) (result i64)
    (local $due i64) (local $now i64)
    (if (i32.load8_u offset=8 (local.get $subscription)) (then (return (i64.const 0))))
    (local.set $due (i64.load offset=24 (local.get $subscription)))
    ;; Bit 0: the time is a point in time and not from now on.
    (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $subscription)) (i32.const 1)))
      (then (return (local.get $due))))
    (local.set $now (call $nanos (i32.load offset=16 (local.get $subscription)) (local.get $scratch)))
    (if (i64.ge_u (local.get $now) (local.get $due)) (then (return (i64.const 0))))
    (i64.sub (local.get $due) (local.get $now)))

  ;; Waits until the first of the subscriptions is due, and answers with an event for each that is.
  (func (export "poll_oneoff")
    (param $subscriptions i32) (param $events i32) (param $count i32) (param $ready i32) (result i32)
    (local $index i32) (local $subscription i32) (local $event i32)
    (local $delay i64) (local $least i64) (local $pollable i32)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (local.set $least (i64.const -1))
    ;; Each delay is kept in the place for the event that may come of it.
    (loop $next
      (local.set $event (i32.add (local.get $events) (i32.shl (local.get $index) (i32.const 5))))
      (local.set $delay
        (call $delay
          (i32.add (local.get $subscriptions) (i32.mul (local.get $index) (i32.const 48)))
          (local.get $event)))
      (i64.store offset=16 (local.get $event) (local.get $delay))
      (if (i64.lt_u (local.get $delay) (local.get $least)) (then (local.set $least (local.get $delay))))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $index) (local.get $count))))
    (if (i64.ne (local.get $least) (i64.const 0))
      (then
        (if (global.get $may_leave)
          (then
            (local.set $pollable (call $subscribe (local.get $least)))
            (call $block (local.get $pollable))
            (call $drop (local.get $pollable)))
          (else
            ;; As if it had waited, so that whoever waits gets on.
            (global.set $monotonic (i64.add (global.get $monotonic) (local.get $least)))
            (global.set $wall (i64.add (global.get $wall) (local.get $least)))))))
    ;; Events are written from the front: never behind a delay that is still to be read.
    (local.set $index (i32.const 0))
    (local.set $event (local.get $events))
    (loop $next
      (local.set $subscription
        (i32.add (local.get $subscriptions) (i32.mul (local.get $index) (i32.const 48))))
      (local.set $delay
        (i64.load offset=16 (i32.add (local.get $events) (i32.shl (local.get $index) (i32.const 5)))))
      (if (i64.le_u (local.get $delay) (local.get $least))
        (then
          (i64.store (local.get $event) (i64.load (local.get $subscription)))
          ;; errno, and the kind behind it.
          (i64.store offset=8 (local.get $event)
            (i64.shl (i64.load8_u offset=8 (local.get $subscription)) (i64.const 16)))
          (if (i32.load8_u offset=8 (local.get $subscription))
            (then (i32.store16 offset=8 (local.get $event) (i32.const 8))))
          (i64.store offset=16 (local.get $event) (i64.const 0))
          (i64.store offset=24 (local.get $event) (i64.const 0))
          (local.set $event (i32.add (local.get $event) (i32.const 32)))))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $index) (local.get $count))))
    (i32.store (local.get $ready)
      (i32.shr_u (i32.sub (local.get $event) (local.get $events)) (i32.const 5)))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))

  ;; === random ===

  (func (export "random_get") (param $at i32) (param $length i32) (result i32)
    (local $bits i64)
    ;; Later (again).
    (if (i32.eqz (global.get $may_leave)) (then (return (i32.const 6))))
    (block $done
      (loop $next
        (br_if $done (i32.lt_u (local.get $length) (i32.const 8)))
        (i64.store align=1 (local.get $at) (call $random))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (local.set $length (i32.sub (local.get $length) (i32.const 8)))
        (br $next)))
    (if (i32.eqz (local.get $length)) (then (return (i32.const 0))))
    (local.set $bits (call $random))
    (loop $next
      (i64.store8 (local.get $at) (local.get $bits))
      (local.set $bits (i64.shr_u (local.get $bits) (i64.const 8)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (local.tee $length (i32.sub (local.get $length) (i32.const 1)))))
    (i32.const 0))

  ;; === standard output and error: log lines ===

  ;; Where lines are put together: memory that the module has lent by `sandbus_line_buffer`. Without it each write is
  ;; taken for whole lines.
  (global $buffer (mut i32) (i32.const 0))
  (global $room (mut i32) (i32.const 0))
  (global $used (mut i32) (i32.const 0))
  ;; The level of what waits in the buffer.
  (global $level (mut i32) (i32.const 0))

  ;; No function of WASI: lends memory for good. A runtime that writes a line piece by piece needs it.
  (func (export "sandbus_line_buffer") (param $buffer i32) (param $room i32)
    (global.set $buffer (local.get $buffer))
    (global.set $room (local.get $room))
    (global.set $used (i32.const 0)))

  ;; Standard output is information, standard error a warning.
  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (local $total i32) (local $level i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (local.set $level (i32.add (local.get $fd) (i32.const 1)))
    (if (i32.ne (local.get $level) (global.get $level)) (then (call $flush)))
    (global.set $level (local.get $level))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (if (global.get $room)
          (then (call $append (i32.load (local.get $pieces)) (i32.load offset=4 (local.get $pieces))))
          (else (call $lines (i32.load (local.get $pieces)) (i32.load offset=4 (local.get $pieces)))))
        (local.set $total (i32.add (local.get $total) (i32.load offset=4 (local.get $pieces))))
        (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $total))
    (i32.const 0))

  ;; Puts bytes into the buffer, and logs each line that is whole or that the buffer cannot hold.
  (func $append (param $at i32) (param $length i32)
    (local $byte i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $byte (i32.load8_u (local.get $at)))
        (if (i32.eq (local.get $byte) (i32.const 10))
          (then (call $flush))
          (else
            (if (i32.eq (global.get $used) (global.get $room)) (then (call $flush)))
            (if (i32.lt_u (global.get $used) (global.get $room))
              (then
                (i32.store8 (i32.add (global.get $buffer) (global.get $used)) (local.get $byte))
                (global.set $used (i32.add (global.get $used) (i32.const 1)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $next))))

  ;; Logs what is in the buffer. What is no text gets question marks, as a log line has to be text.
  (func $flush
    (local $at i32) (local $length i32)
    (local.set $length (global.get $used))
    (if (i32.or (i32.eqz (local.get $length)) (i32.eqz (global.get $may_leave))) (then (return)))
    (global.set $used (i32.const 0))
    (if (i32.eqz (call $is_text (global.get $buffer) (local.get $length)))
      (then
        (loop $next
          (if (i32.ge_u (i32.load8_u (i32.add (global.get $buffer) (local.get $at))) (i32.const 0x80))
            (then (i32.store8 (i32.add (global.get $buffer) (local.get $at)) (i32.const 0x3f))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $at) (local.get $length))))))
    (call $log (global.get $level) (global.get $buffer) (local.get $length)))

  ;; Logs each line of these bytes where they lie. One that is no text is dropped: the memory is not ours to mend it.
  (func $lines (param $at i32) (param $length i32)
    (local $end i32)
    (if (i32.eqz (global.get $may_leave)) (then (return)))
    (loop $next
      (if (i32.lt_u (local.get $end) (local.get $length))
        (then
          (if (i32.ne (i32.load8_u (i32.add (local.get $at) (local.get $end))) (i32.const 10))
            (then
              (local.set $end (i32.add (local.get $end) (i32.const 1)))
              (br $next)))))
      (if (local.get $end)
        (then
          (if (call $is_text (local.get $at) (local.get $end))
            (then (call $log (global.get $level) (local.get $at) (local.get $end))))))
      (if (i32.lt_u (local.get $end) (local.get $length))
        (then
          (local.set $end (i32.add (local.get $end) (i32.const 1)))
          (local.set $at (i32.add (local.get $at) (local.get $end)))
          (local.set $length (i32.sub (local.get $length) (local.get $end)))
          (local.set $end (i32.const 0))
          (br $next)))))

  ;; Whether bytes are UTF-8.
  (func $is_text (param $at i32) (param $length i32) (result i32)
    (local $end i32) (local $byte i32) (local $more i32) (local $least i32) (local $code i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (i32.const 1))))
      (local.set $byte (i32.load8_u (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $byte) (i32.const 0x80)))
      ;; The first byte says how many follow, and which codes would be too small for that.
      (block $known
        (local.set $more (i32.const 1))
        (local.set $least (i32.const 0x80))
        (local.set $code (i32.and (local.get $byte) (i32.const 0x1f)))
        (br_if $known (i32.eq (i32.and (local.get $byte) (i32.const 0xe0)) (i32.const 0xc0)))
        (local.set $more (i32.const 2))
        (local.set $least (i32.const 0x800))
        (local.set $code (i32.and (local.get $byte) (i32.const 0x0f)))
        (br_if $known (i32.eq (i32.and (local.get $byte) (i32.const 0xf0)) (i32.const 0xe0)))
        (local.set $more (i32.const 3))
        (local.set $least (i32.const 0x10000))
        (local.set $code (i32.and (local.get $byte) (i32.const 0x07)))
        (br_if $known (i32.eq (i32.and (local.get $byte) (i32.const 0xf8)) (i32.const 0xf0)))
        (return (i32.const 0)))
      (loop $follow
        (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (i32.const 0))))
        (local.set $byte (i32.load8_u (local.get $at)))
        (if (i32.ne (i32.and (local.get $byte) (i32.const 0xc0)) (i32.const 0x80)) (then (return (i32.const 0))))
        (local.set $code
          (i32.or (i32.shl (local.get $code) (i32.const 6)) (i32.and (local.get $byte) (i32.const 0x3f))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $follow (local.tee $more (i32.sub (local.get $more) (i32.const 1)))))
      (if (i32.lt_u (local.get $code) (local.get $least)) (then (return (i32.const 0))))
      (if (i32.gt_u (local.get $code) (i32.const 0x10ffff)) (then (return (i32.const 0))))
      (if (i32.eq (i32.and (local.get $code) (i32.const 0xfffff800)) (i32.const 0xd800))
        (then (return (i32.const 0))))
      (br $next))
    (unreachable))

  ;; === the process ===

  ;; No arguments and no environment.
  (func (export "args_sizes_get") (export "environ_sizes_get") (param $count i32) (param $size i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $size) (i32.const 0))
    (i32.const 0))
  (func (export "args_get") (export "environ_get") (param i32 i32) (result i32) (i32.const 0))

  ;; An exit ends the instance.
  (func (export "proc_exit") (param i32) (call $flush) (unreachable))
  (func (export "proc_raise") (param i32) (result i32) (i32.const 52))

  ;; === files: the three standard ones, and no other ===

  ;; Nothing stands in standard input.
  (func (export "fd_read") (param $fd i32) (param i32 i32) (param $read i32) (result i32)
    (if (local.get $fd) (then (return (i32.const 8))))
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))
  (func (export "fd_close") (export "fd_sync") (export "fd_datasync") (param $fd i32) (result i32)
    (select (i32.const 8) (i32.const 0) (i32.gt_u (local.get $fd) (i32.const 2))))
  (func (export "fd_fdstat_set_flags") (param $fd i32) (param i32) (result i32)
    (select (i32.const 8) (i32.const 0) (i32.gt_u (local.get $fd) (i32.const 2))))
  ;; A character device (2) without flags; it may do all that there is.
  (func (export "fd_fdstat_get") (param $fd i32) (param $stat i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get $stat) (i64.const 2))
    (i64.store offset=8 (local.get $stat) (i64.const -1))
    (i64.store offset=16 (local.get $stat) (i64.const -1))
    (i32.const 0))
  (func (export "fd_filestat_get") (param $fd i32) (param $stat i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (memory.fill (local.get $stat) (i32.const 0) (i32.const 64))
    (i32.store8 offset=16 (local.get $stat) (i32.const 2))
    (i32.const 0))
  (func (export "fd_seek") (param $fd i32) (param i64 i32 i32) (result i32)
    (select (i32.const 8) (i32.const 70) (i32.gt_u (local.get $fd) (i32.const 2))))
  (func (export "fd_tell") (param $fd i32) (param i32) (result i32)
    (select (i32.const 8) (i32.const 70) (i32.gt_u (local.get $fd) (i32.const 2))))

  ;; There is no folder, so no path leads anywhere; and no socket.
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (export "fd_renumber") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "path_create_directory") (export "path_remove_directory") (export "path_unlink_file")
    (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_get") (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "path_readlink") (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8)))
