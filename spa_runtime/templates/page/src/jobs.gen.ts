// Written by `durably types jobs.py`. Changes here are lost: edit the models instead.

import type {} from 'durably'

export interface Order {
  /**
   * How many to bake
   *
   * @minimum 1
   * @maximum 500
   * @default 12
   */
  loaves?: number
}

export interface Delivery {
  baked: number
}

export interface Jobs {
  /** Bake bread, loaf by loaf. */
  bake: { input: Order; output: Delivery }
}

declare module 'durably' {
  interface Register {
    jobs: Jobs
  }
}
