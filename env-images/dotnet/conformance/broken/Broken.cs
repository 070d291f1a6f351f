using Hearth;

public class Broken
{
    public void Handle(Request request, Response response)
    {
        response.Write("never" +);
    }
}
