export interface CountInput {
  to: number
  pause_ms?: number
}
export interface CountOutput {
  total: number
}
export type Jobs = {
  'count-to': { input: CountInput; output: CountOutput }
  count_to: Jobs['count-to']
  zero: { input: object; output: number }
  nothing: { input: object; output: null }
  fail: { input: { reason: string }; output: null }
}
declare module 'durably' {
  interface Register {
    jobs: Jobs
  }
}
