declare const __VERSION__: string

export const late = __VERSION__
