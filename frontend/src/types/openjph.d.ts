// What we use of the HTJ2K codec, which comes without types.
declare module "@cornerstonejs/codec-openjph" {
  interface Decoder {
    getEncodedBuffer(length: number): Uint8Array;
    decode(): void;
    getDecodedBuffer(): Uint8Array;
    delete(): void;
  }
  interface Codec {
    HTJ2KDecoder: new () => Decoder;
  }
  export default function openjph(options: { locateFile: (path: string) => string }): Promise<Codec>;
}

declare module "*?url" {
  const address: string;
  export default address;
}
