import { createDurably } from 'durably'

/** The engine in this browser or, with `?api=…` in the address, behind HTTP. */
const api = new URLSearchParams(location.search).get('api')

export const durably = createDurably(api === null ? { spa: {} } : { api })
