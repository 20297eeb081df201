/** What this page uses of the browser's Trusted Types; Firefox and Safari may have none. */
interface TrustedTypes {
  createPolicy(name: 'default', rules: { createScriptURL(address: string): string }): unknown
}

/**
 * Where a Content-Security-Policy says `require-trusted-types-for 'script'`, browsers ask the page before it starts a
 * script by its address. Workers and the service worker are from its own host. Markup and code made of text, for
 * which nothing is said here, are refused.
 */
export function trustOwnScripts(): void {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }
  trustedTypes?.createPolicy('default', {
    createScriptURL(address) {
      if (new URL(address, document.baseURI).origin !== location.origin)
        throw new TypeError(`${address} is not from this page’s host.`)
      return address
    },
  })
}
