/** Exit status when something failed. */
export const STATUS_FAILED = 1;

/**
 * Ends the program when its standard output fails. Whoever reads it may stop reading, as `head` does: that is no failure. Anything
 * else, such as a full disk, is said once on standard error, and the status is {@link STATUS_FAILED}. Node ignores the system's SIGPIPE;
 * those who have something to close before the end listen for this one.
 */
export function endWhenOutputFails(): void {
  let failed = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && !failed) {
      failed = true;
      process.stderr.write(`ibcm: cannot write to standard output: ${error.message}\n`);
      // Whatever those who close something think of the end.
      process.once('exit', () => {
        process.exitCode = STATUS_FAILED;
      });
    }
    if (!process.emit('SIGPIPE', 'SIGPIPE')) process.exit();
  });
  // That nobody can be told what went wrong does not make anything else go wrong.
  process.stderr.on('error', () => undefined);
}
