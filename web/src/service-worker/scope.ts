declare const self: ServiceWorkerGlobalScope

/** Absolute address of the site's folder. */
export const SCOPE = self.registration.scope

/** Two sites on one origin have caches of their own. */
export const CACHE = `durably:${SCOPE}`
