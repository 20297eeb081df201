// Written by `durably types jobs.py`. Changes here are lost: edit the models instead.

import type {} from 'durably'

/** A text to count the words of. */
export interface CountInput {
  text: string
  /**
   * How long to dwell on each page
   *
   * @minimum 0
   * @maximum 5000
   * @default 250
   */
  pause_ms?: number
}

export interface CountOutput {
  words: number
  pages: number
  most_frequent: WordCount[]
}

export interface WordCount {
  word: string
  count: number
}

export interface Jobs {
  /** Count the words of a text, and find those that occur most often. */
  'count-words': { input: CountInput; output: CountOutput }
  /** The same as `count-words`. */
  count_words: Jobs['count-words']
}

declare module 'durably' {
  interface Register {
    jobs: Jobs
  }
}
