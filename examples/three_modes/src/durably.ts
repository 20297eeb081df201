import { createDurably } from 'durably'

// Of the page, this is all that differs between the modes. An application has one of the two lines.
export const durably =
  import.meta.env.MODE === 'spa'
    ? createDurably({ spa: {} }) // the engine in this browser
    : createDurably({ api: '/api/durably' }) // the engine on the server
