/** Cases of a property that is about hostile input; `FUZZ_RUNS` for more than a test run has time for. */
export const FUZZ_RUNS = Number(process.env['FUZZ_RUNS'] ?? 2000);
