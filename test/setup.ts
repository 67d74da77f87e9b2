import fc from 'fast-check';

/**
 * Property tests take the same inputs in every run, so that a run that failed fails again and one that passed says what it
 * tried. `IBCM_SEED=…` tries others.
 */
const SEED = Number(process.env['IBCM_SEED'] ?? 1);

fc.configureGlobal({ seed: SEED });
