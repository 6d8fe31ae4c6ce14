/** Lets other work of the event loop happen between two parts of a long computation, in Node and in a page. */
export function otherWork(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    // A timer of zero becomes one of 4 ms in a page that sets many of them.
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
