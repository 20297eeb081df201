export interface CountInput {
  text: string
  pause_ms?: number
}
export interface CountOutput {
  words: number
  pages: number
  most_frequent: { word: string; count: number }[]
}
declare module 'durably' {
  interface Register {
    jobs: { 'count-words': { input: CountInput; output: CountOutput } }
  }
}
