// Written by `durably types jobs.py`. Changes here are lost: edit the models instead.

import type {} from 'durably'

export interface Weather {
  /**
   * A CSV file with temp_max and weather.
   *
   * @minLength 1
   */
  text: string
}

export interface Summary {
  days: number
  /** Most frequent first. */
  kinds: Kind[]
}

export interface Kind {
  kind: string
  days: number
  mean_max_c: number
}

export interface Jobs {
  /** Sum up each kind of weather. */
  'summarise-weather': { input: Weather; output: Summary }
  /** The same as `summarise-weather`. */
  summarise_weather: Jobs['summarise-weather']
}

declare module 'durably' {
  interface Register {
    jobs: Jobs
  }
}
